# La conformité.
conformity-title = Conformité
conformity-intro = Lu sur le système en marche le { $made } ({ $zone }), version { $version }, configuration { $config }. Rien ici n’est déclaré.
conformity-counts = Tenues : { $held }. En partie : { $partly }. Pas tenues : { $not }. Hors de ce produit : { $ours }.
conformity-id = Règle
conformity-source = Source
conformity-sentence = Ce qu’elle demande
conformity-state = État
conformity-proof = Preuve
conformity-state-held = tenue
conformity-state-partly = en partie
conformity-state-not-held = PAS TENUE
conformity-state-not-ours = hors de ce produit
conformity-where-configuration = configuration
conformity-where-register = registre
conformity-where-journal = journal
conformity-where-host = machine
conformity-where-program = programme
