# Conformity.
conformity-title = Conformity
conformity-intro = Read from the running system on { $made } ({ $zone }), version { $version }, configuration { $config }. Nothing here is declared.
conformity-counts = Held: { $held }. Partly: { $partly }. Not held: { $not }. Not this product’s: { $ours }.
conformity-id = Rule
conformity-source = Source
conformity-sentence = What it asks
conformity-state = State
conformity-proof = Proof
conformity-state-held = held
conformity-state-partly = partly
conformity-state-not-held = NOT HELD
conformity-state-not-ours = not this product’s
conformity-where-configuration = configuration
conformity-where-register = register
conformity-where-journal = journal
conformity-where-host = machine
conformity-where-program = program
