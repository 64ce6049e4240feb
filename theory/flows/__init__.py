"""Partial differential equations compiled into Transformers: weights are written down, not trained.

A softmax head with relative positions is a Markov kernel, a feed-forward block is a map of one
token, depth is time. What lives here: kernels and heads (linear flows), `cole_hopf` (Burgers),
`splitting` (reaction and diffusion), the error budget behind a certificate, its verifier, and the
theorems that say which attention can solve which equation.
"""
