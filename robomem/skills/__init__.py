"""Skills: what a robot body can do, and the limits it keeps."""
