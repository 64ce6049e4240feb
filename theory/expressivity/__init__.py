"""What attention can say about positions: theorems as executable checks, constructions, tasks."""
