"""Independent verifier of certificates of solutions: trusts weights, equation and domain, and
nothing else.
"""
