"""Many hands: sub-agents and parallel calls."""
