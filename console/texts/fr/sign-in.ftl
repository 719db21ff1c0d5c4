# Entrer et sortir.
sign-in-title = Connexion
sign-in-lead = Pour le personnel de { $site }.
sign-in-login = Identifiant
sign-in-password = Mot de passe
sign-in-button = Se connecter
sign-in-refused = Identifiant, mot de passe ou code non acceptés. Un code ne sert qu'une fois : attendez le suivant. Après trois essais le compte est bloqué une minute ; au troisième blocage de la journée, jusqu'à ce que l'informatique le débloque.
sign-in-too-many = Trop d'essais depuis ce poste. Attendez quelques minutes.
sign-in-again = Vous avez été déconnecté. Connectez-vous de nouveau ; vous reviendrez à la même page.
sign-in-lost = Mot de passe ou téléphone perdu ? Appelez l'informatique.
signed-out = Vous êtes déconnecté.
error-title = Ce n'est pas possible
error-not-found = Cette page n'existe pas, ou vous n'y avez pas accès.
error-forbidden = Cette page n'est pas pour votre rôle.
error-form = Ce formulaire est trop ancien, ou ne vient pas de cette page. Rien n'a été fait : rechargez la page et recommencez.
error-input = Une partie du formulaire manque ou n'est pas lisible. Rien n'a été fait.
error-unavailable = Poterne ne peut pas répondre maintenant. Prévenez l'informatique si cela dure.
error-home = Retour à l'accueil
