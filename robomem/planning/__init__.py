"""Planning: from a sentence to a finished task, over beliefs."""
