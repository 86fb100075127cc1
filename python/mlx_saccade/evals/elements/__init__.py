"""Sets of elements to ground: proposed by a model, localized by zooms of their own, screened, and reviewed by hand."""
