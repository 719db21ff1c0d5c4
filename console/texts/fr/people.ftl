# Techniciens et personnel.
people-title = Personnes
people-technicians = Techniciens
people-staff = Personnel de l'hôpital
people-invite = Inviter un technicien
people-search = Nom, identifiant ou société
people-search-button = Chercher
people-any-state = tous
people-name = Nom
people-full-name = Prénom et nom
people-company = Société
people-state = État
people-last-visit = Dernière venue
people-never = jamais venu
people-none = Aucun technicien ici.
people-none-hint = Invitez le premier : il reçoit un code, et choisit lui-même son mot de passe.
people-pages = Pages de la liste
people-previous = Page précédente
people-next = Page suivante
people-page = Page { $page } sur { $pages }
people-login = Identifiant
people-login-hint = Minuscules, chiffres et tirets, par exemple a-martin. Il ne sera jamais donné à une autre personne.
people-login-wrong = Cet identifiant ne va pas : écrivez des minuscules, des chiffres et des tirets, en commençant par une lettre.
people-phone = Téléphone au travail
people-email = Adresse électronique
people-reason = Motif
people-acts = Agir sur ce compte
people-nothing-to-do = Ce compte est fermé. Seule l'informatique peut le rouvrir.
people-unlock = Débloquer
people-unlock-hint = Assurez-vous d'abord que c'était bien cette personne, et pas quelqu'un qui essayait son mot de passe.
people-disable = Désactiver ce compte…
people-disable-now = Désactiver maintenant
people-invited-until = Invitation valable jusqu'au
people-invitation-over = terminée depuis le { $time } : faites-en une nouvelle
lock-tries = { $count ->
    [one] Bloqué par { $count } essai faux
   *[other] Bloqué par { $count } essais faux
 }
lock-from = depuis { $sources },
lock-from-here = depuis une adresse inconnue,
lock-until = jusqu'à { $time }.
lock-until-lifted = jusqu'à ce qu'une personne le débloque.
technician-who = Qui est-ce
technician-proofing = Comment l'hôpital s'est assuré de son identité
technician-since = Accès créé le
technician-live = Sessions en cours
technician-keys = Clés
technician-no-keys = Aucune clé.
technician-key = Clé publique
technician-key-hint = La ligne d'un fichier id_ed25519.pub, qui commence par ssh-ed25519. Jamais la clé privée.
technician-key-add = Ajouter une clé
technician-key-remove = Retirer
technician-key-added = La clé est ajoutée.
technician-key-removed = La clé est retirée.
technician-visits = Dernières venues
technician-visit-from = depuis { $source }
technician-factor-changed = Son mot de passe, son application ou une clé ont changé il y a moins de sept jours : ses demandes portent cette mention.
technician-vendor-frozen = L'accès de sa société est suspendu : { $reason }
technician-activated = Le compte est ouvert.
technician-unlocked = Le compte est débloqué.
technician-disabled = { $count ->
    [0] Le compte est désactivé. Aucune session n'était en cours.
    [one] Le compte est désactivé. Une session a été coupée.
   *[other] Le compte est désactivé. { $count } sessions ont été coupées.
 }
technician-disable-hint = { $count ->
    [0] Il n'entre plus, ses demandes sont retirées. Aucune session n'est en cours.
    [one] Il n'entre plus, ses demandes sont retirées, et la session en cours est coupée aussitôt.
   *[other] Il n'entre plus, ses demandes sont retirées, et { $count } sessions en cours sont coupées aussitôt.
 }
technician-reset = Remplacer son mot de passe et son application…
technician-reset-hint = Ce qu'il a ne vaut plus rien dès maintenant : ses sessions sont coupées, ses demandes retirées. Une nouvelle invitation est faite. Pendant sept jours, ses demandes portent une mention.
technician-renew = Refaire l'invitation…
technician-renew-hint = L'ancienne invitation ne vaut plus rien ; la nouvelle vaut 24 heures.
technician-enable = Rouvrir ce compte…
technician-enable-hint = Une nouvelle invitation est faite ; l'ancien mot de passe ne revient pas. Une personne qui est partie, ou dont le compte a été détourné, reçoit plutôt un nouveau compte.
technician-invitation-make = Faire l'invitation
activate-title = Confirmer par téléphone
activate-call = Appelez vous-même ce numéro, celui du contrat
activate-ask = Demandez { $name }, et faites-vous lire le mot affiché à la fin de son inscription.
activate-word = Le mot qu'on vous lit
activate-left = { $left ->
    [one] Il reste { $left } essai.
   *[other] Il reste { $left } essais.
 }
activate-button = Ouvrir le compte
activate-none-left = Trois mots faux ont été tapés. Remplacez son mot de passe et son application pour recommencer.
invite-lead = Il reçoit un code valable 24 heures, et choisit lui-même son mot de passe. Personne d'autre ne le connaîtra.
invite-choose = Choisissez
invite-with-key = clé demandée
invite-vendor-missing = Choisissez la société.
invite-proofing-hint = Par exemple : carte d'identité vue en visio le 3 mars, annoncé par le contact du contrat.
invite-keys = Clés publiques, une par ligne (si la société en demande)
invitation-title = Invitation
invitation-for = Invitation de { $name }
invitation-once = Cette page ne se montre qu'une fois. Remettez l'invitation maintenant, ou faites-en une autre plus tard.
invitation-no-name = Le nom du bastion n'est pas écrit dans la configuration (ssh.name) : remplacez BASTION par son nom.
invitation-hand-over = À remettre à cette personne, et à elle seule
invitation-until = Elle vaut une fois, jusqu'au { $time }.
invitation-then = Ensuite
invitation-call = Quand la personne s'est inscrite, appelez vous-même ce numéro, celui du contrat, et demandez-lui son mot :
invitation-to-page = Aller à sa page pour taper le mot
invitation-sessions-ended = { $count ->
    [0] L'ancien accès ne vaut plus rien. Aucune session n'était en cours.
    [one] L'ancien accès ne vaut plus rien. Une session a été coupée.
   *[other] L'ancien accès ne vaut plus rien. { $count } sessions ont été coupées.
 }
staff-invite = Inviter quelqu'un de l'hôpital
staff-invite-lead = La personne reçoit un code valable 24 heures et choisit elle-même son mot de passe. Une personne, un compte.
staff-roles = Rôles
staff-groups = Groupes
staff-groups-hint = Pour un approbateur : les équipements de ces groupes.
staff-change = Rôles et groupes
staff-change-button = Enregistrer
staff-changed = Les rôles et les groupes sont changés. Ils valent dès maintenant.
staff-unlocked = Le compte est débloqué.
staff-disabled = Le compte est désactivé, et la personne déconnectée partout.
staff-own = C'est votre propre compte. Personne ne change ses propres droits : demandez à une autre personne de l'informatique.
staff-over = Ce compte est fermé pour toujours. La personne reçoit un nouveau compte, sous un autre identifiant.
staff-reset = Remplacer son mot de passe et son application…
staff-reset-hint = Ce que la personne a ne vaut plus rien dès maintenant, et elle est déconnectée partout. Une nouvelle invitation est faite.
staff-disable-hint = La personne est déconnectée partout, et pour toujours : un compte désactivé ne se rouvre pas. Ce qui reposait sur elle s'arrête.
staff-invitation-hand-over = À dire de vive voix, ou au téléphone à un numéro que vous connaissez
staff-invitation-address = Page à ouvrir
staff-invitation-code = Code
staff-invitation-until = Valable une fois, jusqu'au
staff-invitation-link = Ou, sur un poste de l'hôpital, ce lien qui contient le code :
staff-invitation-how = Pas par courriel : qui lit le courriel aurait l'accès.
role-hint-approver = accorde les demandes pour les équipements de ses groupes, regarde et coupe
role-hint-operator = invite les personnes et fait marcher la machine
role-hint-security = relit les enregistrements et reçoit les alertes
role-hint-auditor = tire le registre et les preuves
