"""Trust: who may write and who may ask for work, by rules that explain themselves."""
