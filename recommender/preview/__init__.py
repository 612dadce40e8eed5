"""A static site to look at published lists, as a reader and as the editor who signs them."""

from recommender.preview.site import write_preview

__all__ = ["write_preview"]
