"""PhysicsFormer: transformer physics-informed networks with exact derivatives and least-squares training."""
