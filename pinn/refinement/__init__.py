"""Digits after training: one wide random layer on what a trained network has learned."""
