//! File systems: the namespace, regular files, open file descriptions, descriptor tables.
