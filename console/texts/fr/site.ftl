# Équipements, sociétés, état, bouton rouge.
site-title = Équipements et prestataires
site-lead = Tout cela est écrit dans des fichiers de configuration, et se change là.
site-targets = Équipements
site-vendors = Prestataires
site-no-targets = Aucun équipement pour vous.
site-id = Nom technique
site-address = Adresse
site-approvers = Qui accorde
site-group-people = { $count ->
    [0] { $group } (personne !)
    [one] { $group } ({ $count } personne)
   *[other] { $group } ({ $count } personnes)
 }
site-supervision = Surveillance
site-supervision-none = non demandée
site-supervision-offered = possible à tout moment
site-supervision-required = obligatoire : rien ne bouge si personne ne regarde
site-call-back = Rappel du contrat exigé
site-hours = Heures
site-open = ouvert
site-closed = fermé
site-until = jusqu'au { $time }
site-credential = Identifiants de l'équipement
site-credential-set = enregistrés
site-credential-missing = manquants : poterne target credential
site-pinned = Empreinte de l'équipement
site-pinned-yes = fixée
site-pinned-no = pas encore fixée : poterne target pin
site-exception = Chiffrement ancien, par exception
site-exception-until = jusqu'au { $day } :
site-exception-over = finie le { $day }, ne vaut plus :
site-second-factor = Second facteur de l'équipement
site-second-factor-technician = demandé au technicien
site-file = Fichier
site-withdrawn = Retiré : il n'y a pas assez d'approbateurs dans ces groupes.
site-state-active = ouvert
site-state-frozen = suspendu
site-contract = Contrat
site-contract-days = du { $from } au { $until }
site-contract-not-in-force = pas en vigueur aujourd'hui
site-contact = Contact
site-technicians = Techniciens
site-networks = Réseaux déclarés
site-anywhere = De partout :
site-allowed = Permis
site-terms = { $count ->
    [one] { $count } accord, { $length } au plus
   *[other] { $count } accords, { $length } au plus
 }
site-freeze = Suspendre cette société…
site-freeze-hint = Toutes ses sessions sont coupées aussitôt, ses demandes retirées, et personne de chez elle n'entre plus jusqu'à la levée.
site-freeze-button = Suspendre maintenant
site-frozen-why = Suspendu : { $reason }
site-frozen = { $count ->
    [0] La société est suspendue. Aucune session n'était en cours.
    [one] La société est suspendue. Une session a été coupée.
   *[other] La société est suspendue. { $count } sessions ont été coupées.
 }
site-thaw = Lever la suspension…
site-thaw-hint = Ses techniciens peuvent de nouveau demander. Aucune session ne revient d'elle-même.
site-thaw-button = Lever la suspension
site-thawed = La suspension est levée.
lockdown-title = Tout couper
lockdown-lead = En cas d'attaque ou de doute, coupez d'abord et comprenez ensuite.
lockdown-what-1 = { $count ->
    [0] Plus aucune session ne peut s'ouvrir ; aucune n'est en cours.
    [one] La session en cours est coupée dans la seconde.
   *[other] Les { $count } sessions en cours sont coupées dans la seconde.
 }
lockdown-what-2 = Les demandes en attente sont retirées.
lockdown-what-3 = Le port des prestataires se ferme, et reste fermé même après un redémarrage.
lockdown-what-4 = Seule l'informatique ou la sécurité peut rouvrir.
lockdown-reason = Pourquoi
lockdown-next = Continuer
lockdown-sure = Couper tous les accès maintenant ?
lockdown-sessions = { $count ->
    [0] Aucune session n'est en cours. Plus personne n'entrera.
    [one] Une session en cours sera coupée. Plus personne n'entrera.
   *[other] { $count } sessions en cours seront coupées. Plus personne n'entrera.
 }
lockdown-now = Tout couper maintenant
lockdown-begun = { $count ->
    [0] Tous les accès sont coupés. Aucune session n'était en cours.
    [one] Tous les accès sont coupés. Une session a été coupée.
   *[other] Tous les accès sont coupés. { $count } sessions ont été coupées.
 }
lockdown-no-journal = Le journal n'a pas pu le noter. La coupure tient quand même : prévenez l'informatique.
lockdown-not-kept = Attention : après un redémarrage, la coupure pourrait être oubliée. Prévenez l'informatique.
lockdown-on = Tous les accès sont coupés
lockdown-on-part = Accès coupés, sauf : { $groups }
lockdown-because = Motif :
lockdown-end-hint = Aucune session ni demande ne revient d'elle-même.
lockdown-end-reason = Pourquoi rouvrir
lockdown-end-button = Rouvrir les accès
lockdown-end-who = Seule l'informatique ou la sécurité peut rouvrir.
lockdown-not-ended = Les accès restent coupés : la coupure n'a pas pu être effacée du disque, ou quelqu'un l'a demandée de nouveau entre-temps. Réessayez ; si cela recommence, prévenez l'informatique.
lockdown-ended = Les accès sont rouverts.
health-title = État de la machine
health-what = Quoi
health-standing = Bien ou mal
health-says = Ce qu'il en est
health-to-do = À faire :
health-good = bien
health-bad = mal
health-unknown = inconnu
health-all-good = Tout ce que Poterne peut savoir va bien.
health-some-bad = { $count ->
    [one] Un point ne va pas.
   *[other] { $count } points ne vont pas.
 }
health-confined = Cloisonnement
health-confined-all = Le programme s'est enfermé : chemins, ports et appels.
health-confined-paths = Le programme s'est enfermé : chemins et appels. Sur ce noyau, les ports reviennent au pare-feu.
health-confined-calls = Les appels sont filtrés. Ce noyau ne sait pas enfermer chemins et ports.
health-confined-open = Le programme n'est pas enfermé.
health-confined-not = Le programme ne s'est pas enfermé ; la démonstration ne le fait pas.
health-confined-do = démarrez-le par son unité, sur un noyau qui a Landlock.
health-clock = Horloge
health-clock-good = L'heure est sûre.
health-clock-bad = L'heure n'est pas sûre : personne n'est admis tant qu'elle ne l'est pas.
health-clock-do = vérifiez la synchronisation de l'heure sur la machine (timedatectl).
health-journal = Journal
health-journal-says = { $size } entrées signées, la dernière du { $last }.
health-journal-gone = Le journal ne prend plus d'entrées. Toutes les sessions ont été coupées, et rien ne s'ouvre.
health-journal-gone-do = regardez le disque et les messages du service, puis redémarrez-le.
health-journal-silent-do = une entrée est faite au moins chaque heure, et la dernière est plus vieille : regardez les messages du service.
health-state = Disque de Poterne
health-recordings-room = Disque des enregistrements
health-room-says = { $free } libres sur { $total }.
health-room-unknown = Le disque ne dit pas sa place.
health-room-unknown-do = regardez le disque sur la machine (df).
health-room-do = faites de la place avant que le disque soit plein : sans place, rien n'est enregistré, et rien ne s'ouvre.
health-recorder = Enregistrements
health-recorder-says = { $count ->
    [0] Aucun enregistrement à sceller. Dernière session scellée : { $last }.
    [one] { $count } enregistrement à sceller. Dernière session scellée : { $last }.
   *[other] { $count } enregistrements à sceller. Dernière session scellée : { $last }.
 }
health-recorder-none-yet = aucune encore
health-recorder-do = la mise sous scellés n'avance pas : regardez le disque et les messages du service.
health-recorder-damaged = { $count ->
    [one] { $count } enregistrement est abîmé.
   *[other] { $count } enregistrements sont abîmés.
 }
health-recorder-damaged-do = il y manque ce que le journal avait noté : prévenez la sécurité, et gardez la machine en l'état.
health-door = Port des prestataires
health-door-lockdown = Fermé : tous les accès sont coupés.
health-door-always = Ouvert : la configuration le veut toujours ouvert.
health-door-due = Ouvert : c'est l'heure de quelqu'un, ou quelque chose est prévu.
health-door-not-due = Fermé : personne ne pourrait entrer à cette heure.
health-door-fault = Il devrait être ouvert, et ne l'est pas.
health-door-next = Changement possible le { $time }.
health-door-do = l'adresse est prise ou absente : regardez les messages du service et ssh.listen.
health-certificate = Certificat de cette console
health-certificate-none = La console n'a pas de certificat.
health-certificate-own = Fait par Poterne lui-même, pour { $names }, valable jusqu'au { $until }. Accorder n'est possible que sur la machine de Poterne.
health-certificate-own-do = demandez un certificat à votre autorité, et écrivez-le dans console.certificate et console.key.
health-certificate-says = Celui de la configuration, pour { $names }, valable jusqu'au { $until }.
health-certificate-do = renouvelez le certificat et mettez-le à la place de l'ancien.
health-approvers = Approbateurs
health-approvers-good = Chaque équipement a assez d'approbateurs.
health-approvers-bad = Pas assez d'approbateurs pour : { $targets }. Personne n'y entre.
health-approvers-do = invitez des approbateurs dans leurs groupes.
health-exceptions = Chiffrement ancien
health-exceptions-none = Aucun équipement n'est joint par exception.
health-exceptions-in-force = Par exception, jusqu'au jour indiqué : { $targets }.
health-exceptions-over = Passée, ne vaut plus : { $targets }.
health-exceptions-do = renouvelez l'équipement, ou réexaminez l'exception dans son fichier.
health-channel = Notifications : { $name }
health-channel-says = { $count ->
    [0] Rien n'attend. Dernier envoi : { $last }.
    [one] { $count } message attend. Dernier envoi : { $last }.
   *[other] { $count } messages attendent. Dernier envoi : { $last }.
 }
health-channel-never = aucun encore
health-channel-error = Dernier échec : { $message }
health-channel-do = vérifiez l'adresse et le mot de passe du canal dans la configuration, puis poterne notify test.
health-anchor = Ancrage au-dehors : { $name }
health-anchor-says = Dernier point de contrôle sorti : { $last }, sur { $size } entrées.
health-anchor-never = aucun encore
health-anchor-do = regardez poterne journal anchors, et docs/operations/anchors.md.
health-anchors = Ancrage au-dehors
health-anchors-none = Aucun point de contrôle ne quitte cette machine de lui-même : qui la remet tout entière dans un état antérieur ne serait pas découvert.
health-anchors-none-do = écrivez [anchors] dans la configuration (docs/operations/anchors.md).
health-lack = Ce qui manque au bastion
health-lack-clock = L'horloge a été changée : rien de nouveau ne s'ouvre ({ $why }).
health-lack-clock-do = remettez l'horloge à l'heure, puis redémarrez le bastion.
health-lack-room = Le disque est presque plein : rien de nouveau ne s'ouvre ({ $why }).
health-lack-room-do = faites de la place sur le disque ; tout reprend ensuite de soi-même.
health-lack-descriptors = Il n'y a plus de descripteurs de fichiers : les nouvelles connexions sont fermées aussitôt ({ $why }).
health-lack-descriptors-do = voyez ce qui les tient (poterne session list), puis la limite LimitNOFILE du service.
health-missing = Entrées manquantes du journal
health-missing-says = { $remembered } entrées sont connues ailleurs ({ $by }), et il y en avait { $here } ici. Rien ne s'ouvre ; personnes qui doivent encore l'accepter : { $count }.
health-missing-do = cherchez ce qui s'est passé (docs/operations/restore.md), puis poterne journal accept-rollback.
health-scanner = Antivirus des fichiers
health-scanner-says = { $version } répond ; ses signatures sont du { $day }.
health-scanner-undated = { $version } répond, et ne dit pas l'âge de ses signatures.
health-scanner-fault = Il ne peut pas être interrogé, donc aucun fichier à analyser n'est remis : { $message }.
health-scanner-fault-do = regardez clamd sur sa machine, et docs/operations/scan-files.md.
health-scanner-old-do = voyez si freshclam va chercher de nouvelles signatures.
health-backup = Dernière sauvegarde
health-backup-says = Une sauvegarde a été faite le { $last }.
health-backup-never = Aucune sauvegarde n'a été faite avec Poterne.
health-backup-do = poterne backup create puis poterne backup verify, chaque nuit, et les copies ailleurs (docs/operations/restore.md).
health-retention = Effacement après les délais
health-retention-says = Dernier effacement le { $last }.
health-retention-never = Rien n'a encore été effacé.
health-retention-do = poterne retention plan dit ce qui s'efface quand, et ce qui l'arrête (docs/operations/retention.md).
health-proof = Pour vérifier d'ailleurs
health-proof-hint = Gardez ces valeurs hors de cette machine : elles prouvent plus tard que rien n'a changé.
health-version = Version
health-journal-key = Clé publique du journal
health-fingerprint = Empreinte du certificat
health-checkpoint = Dernier point de contrôle signé
