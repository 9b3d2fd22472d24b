"""The conformance kit: named clauses, asked of any meter, simulated or real.

`clause` and `bench` are how a clause is written, the chapters (`framing`, `reading`, `linking`, `writing`,
`crediting`, `switching`) hold them, `simulated` and `live` drive them, `report` tells.
"""
