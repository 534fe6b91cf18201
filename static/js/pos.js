// The till's own screens: the PIN's dots, keypads, the count, and where the focus goes after a scan.
