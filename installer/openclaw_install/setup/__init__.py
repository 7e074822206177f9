"""One-shot plan, apply, receipt and undo; the activation report."""
