"""Wide work: tasks that can be cut into parts, and a control that cannot."""
