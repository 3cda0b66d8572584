"""The parts of `lower`: what makes gates of expressions, statements, arrays and calls, and what is known before."""
