"""What all studies found, together: a library of findings, pooled answers with how sure they are, and where nobody has looked.

`wardmote.synthesis.answers.find_synthesis` is the stage; `wardmote.synthesis.library.read_evidence` reads what it is given.
"""
