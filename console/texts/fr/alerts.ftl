# Alertes.
nav-alerts = Alertes
alerts-title = Alertes
alerts-lead = Prendre une alerte, c'est dire à votre nom que vous vous en occupez. Sinon elle part vers d'autres, la nuit aussi.
alerts-waiting = En attente
alerts-none = Aucune alerte n'attend.
alerts-taken = Prises
alerts-raised = Depuis
alerts-people = Comptes
alerts-about = Au sujet de
alerts-vendor = Société
alerts-source = Depuis l'adresse
alerts-by = Prise par
alerts-note = Ce que vous constatez ou faites
alerts-take = Je la prends
alerts-freeze = Suspendre cette société maintenant
alerts-freeze-reason = Fuite soupçonnée, alerte { $number }
alerts-step = { $count ->
    [one] Personne ne l'a prise : elle est partie vers d'autres.
   *[other] Personne ne l'a prise : elle est partie { $count } fois vers d'autres.
 }
alert-account-alert = Essais sur un compte fermé ou bloqué
alert-leak-suspected = Des mots de passe d'une société ont pu fuiter
alert-staff-refused = Essai avec un compte de l'hôpital qui est fermé
alert-staff-locked = Un compte de l'hôpital est bloqué
alert-intervention-refused = Trois codes faux : une demande a été refusée
alert-intervention-planned = Une urgence a été ouverte
alert-session-alarm = Alarme dans une session
alert-recording-sealed = Un enregistrement est abîmé
alert-rollback-found = Des entrées du journal manquent
alert-anchor-overdue = Plus aucune preuve ne sort de la machine
alert-forward-stalled = Le journal n'arrive plus au SIEM
alert-recipients-changed = D'autres clés ouvrent les enregistrements
alert-lockdown-began = Tous les accès ont été coupés
alert-break-glass-used = Un code de l'enveloppe scellée a servi
alert-break-glass-refused = Essai avec un code d'enveloppe scellée
alert-change-waits = Un changement de configuration attend une deuxième personne
alert-staff-added = Une personne de la sécurité a été ajoutée
alert-staff-invited = Une personne de la sécurité a été invitée
alert-staff-reset = Le compte d'une personne de la sécurité a été réinitialisé
alert-staff-changed = Le rôle sécurité a été donné, ou son compte modifié
alert-other = Quelque chose à regarder
lockdown-stage = Rouvrir par étapes
lockdown-stage-hint = Un groupe d'équipements à la fois. Un équipement de plusieurs groupes reste coupé jusqu'au dernier.
lockdown-stage-group = Groupe
lockdown-stage-button = Rouvrir ce groupe
lockdown-stage-open = Déjà rouverts :
lockdown-stage-done = Ce groupe est rouvert ; le reste demeure coupé.
