"""Refinement after training: one wide random layer on the features of a trained network."""
