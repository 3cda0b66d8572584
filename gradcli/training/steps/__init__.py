"""Steps against the gradient: optimisers, schedules, the loop, when it ends, and how it goes on after it was cut."""
