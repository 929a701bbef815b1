"""The ROS 2 side of robomem: the same pipeline on the wire. Only this package (and the simulator's node) imports rclpy."""
