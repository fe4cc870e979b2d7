"""What the framework modules share: targets, runs, traced schedules, layers, pace, and transformers' functions."""
