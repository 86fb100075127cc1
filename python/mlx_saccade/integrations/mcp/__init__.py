"""A server of the Model Context Protocol over standard input and output, with the SDK `mcp`.

`server` speaks the protocol, `results` describes and words the results, `ground_region` keeps GroundingKit's contract,
and `lines` reads messages of bounded length.
"""
