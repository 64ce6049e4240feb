"""What is solved: equations, conditions, domain, and the checks of them."""
