"""How we speak with carriers: ways behind one interface, each with files to fetch and to bring, or with none."""
