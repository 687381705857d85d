-- Kept returns the value that is kept.
return kept()
