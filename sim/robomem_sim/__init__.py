"""robomem_sim: a PyBullet household with people, a robot, its camera and a detector that errs. Truth stays with the evaluator."""
