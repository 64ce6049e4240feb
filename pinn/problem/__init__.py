"""Problems: equations, conditions, domain, and the checks of them."""
