"""Making the speech network: corpus from synthesisers, training, evaluation.

Needs the ``train`` extra and the system packages named in ``synthesis``.
"""
