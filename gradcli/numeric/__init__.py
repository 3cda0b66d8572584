"""The number systems that the rules of the op table run on. Each maps every primitive's name to a function."""
