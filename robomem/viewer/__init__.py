"""Pictures of what the robot believes: a rerun recording along the timeline, and PNG maps."""
