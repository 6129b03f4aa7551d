"""Fine-tuning of MuseTalk on one's own videos, faces under masks among them.

Needs the ``musetalk`` extra. The losses, the choice of reference frames and the masks are the
reference's (Zhang et al., "MuseTalk: Real-Time High Quality Lip Synchronization with Latent
Space Inpainting", 2024), without its errors unless ``compat`` is ``upstream``.
"""
