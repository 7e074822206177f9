"""The hook policy of a host: read, judged, repaired, used."""
