"""What a loss is, per row or over whole columns, and the gate to blame when it blows up."""
