"""French of the forms and of the documents: levels, headers, sentences.

In a sentence, square brackets mark the snippet that supports the value, and {} is the value in French.
"""

from __future__ import annotations

from typing import Final

LEVELS: Final[dict[str, dict[str, str]]] = {
    "sex": {"M": "H", "F": "F"},
    "histology": {"adenocarcinoma": "adénocarcinome", "squamous": "épidermoïde", "nos": "NOS", "other": "autre"},
    "metastatic_sites": {"adrenal": "surrénale", "bone": "os", "brain": "cerveau", "liver": "foie", "lung": "poumon",
                         "lymph_node": "ganglion", "pleura": "plèvre"},
    "brain_mets": {"no": "non", "yes": "oui"},
    "driver_mutation": {"present": "présente", "absent": "absente", "not_tested": "non recherchée",
                        "failed": "échec technique"},
    "smoking": {"never": "non-fumeur", "former": "ancien fumeur", "current": "fumeur"},
    "response": {"CR": "RC", "PR": "RP", "SD": "SD", "PD": "PD", "NE": "NE"},
    "stop_reason": {"progression": "progression", "toxicity": "toxicité", "death": "décès", "choice": "choix",
                    "other": "autre"},
    "prior_lines.drugs": {"carboplatin": "carboplatine", "docetaxel": "docétaxel", "gemcitabine": "gemcitabine",
                          "nivolumab": "nivolumab", "osimertinib": "osimertinib", "paclitaxel": "paclitaxel",
                          "pembrolizumab": "pembrolizumab", "pemetrexed": "pémétrexed", "vinorelbine": "vinorelbine"},
    "prior_lines.reason": {"progression": "progression", "toxicity": "toxicité", "completed": "fin prévue",
                           "other": "autre"},
    "dose_changes.type": {"reduction": "réduction", "interruption": "interruption", "resumption": "reprise"},
    "dose_changes.reason": {"toxicity": "toxicité", "intercurrent": "affection intercurrente", "other": "autre"},
    "adverse_events.term": {"alt_increased": "ALAT augmentée", "anaemia": "anémie",
                            "decreased_appetite": "perte d'appétit", "diarrhoea": "diarrhée", "fatigue": "fatigue",
                            "nausea": "nausées", "neutropenia": "neutropénie", "oedema": "œdème",
                            "paronychia": "périonyxis", "pneumonitis": "pneumopathie", "qt_prolonged": "QT allongé",
                            "rash": "éruption", "stomatitis": "stomatite"},
    "adverse_events.serious": {"no": "non", "yes": "oui"},
}  # fmt: skip

HEADERS: Final[dict[str, str]] = {
    "birth_month": "Mois de naissance",
    "sex": "Sexe",
    "request_date": "Date de demande",
    "diagnosis_date": "Date de diagnostic",
    "histology": "Histologie",
    "stage": "Stade",
    "metastatic_sites": "Sites métastatiques",
    "brain_mets": "Métastases cérébrales",
    "ecog": "ECOG",
    "driver_mutation": "Mutation",
    "pdl1": "PD-L1 (%)",
    "smoking": "Tabac",
    "n_prior_lines": "Nombre de lignes",
    "creatinine": "Créatinine (µmol/L)",
    "haemoglobin": "Hémoglobine (g/dL)",
    "weight": "Poids (kg)",
    "start_date": "Première prise",
    "start_dose": "Dose initiale (mg/j)",
    "response": "Meilleure réponse",
    "progression_date": "Date de progression",
    "qol_global": "Qualité de vie globale",
    "stop_date": "Date d'arrêt",
    "stop_reason": "Motif d'arrêt",
    "last_news": "Dernières nouvelles",
    "death_date": "Date de décès",
    "next_treatment_date": "Date du traitement suivant",
}
VISITS: Final = {"access": "accès", "m1": "M1", "m3": "M3", "m6": "M6"}

OPENINGS: Final[dict[str, str]] = {
    "consultation": "Cher confrère, voici le compte rendu de la consultation d'oncologie thoracique.",
    "pathology": "Compte rendu d'anatomie et cytologie pathologiques.",
    "imaging": "Scanner thoraco-abdomino-pelvien et imagerie de l'encéphale.",
    "laboratory": "Bilan biologique avant traitement.",
    "pharmacy": "Pharmacie à usage intérieur, accès précoce : exemplatinib.",
    "m1": "Consultation de suivi à un mois.",
    "m3": "Consultation de suivi à trois mois.",
    "m6": "Consultation de suivi à six mois.",
    "response": "Évaluation tumorale selon RECIST 1.1.",
    "summary": "Synthèse du traitement par exemplatinib.",
    "administrative": "Courrier administratif de suivi.",
}

SENTENCES: Final[dict[str, str]] = {
    "birth_month": "Naissance en [{}].",
    "sex": "[{}] ; cancer bronchique non à petites cellules connu.",
    "request_date": "[Demande d'accès précoce du {}].",
    "diagnosis_date": "[Diagnostic : {}].",
    "histology": "Type histologique : [{}].",
    "stage": "[Stade {}] à la demande (TNM, 8e édition).",
    "metastatic_sites": "Sites métastatiques : [{}].",
    "brain_mets": "Encéphale : [{}].",
    "ecog": "[OMS {}].",
    "driver_mutation": "Altération ciblable : [{}].",
    "pdl1": "PD-L1 : [{} %].",
    "smoking": "Tabac : [{}].",
    "n_prior_lines": "Lignes antérieures : [{}].",
    "creatinine": "Créatinine [{} µmol/L].",
    "haemoglobin": "Hémoglobine [{} g/dL].",
    "weight": "Poids [{} kg].",
    "start_date": "Première prise le [{}].",
    "start_dose": "Dose de départ : [{} mg/jour].",
    "response": "Meilleure réponse : [{}].",
    "progression_date": "[Progression le {}].",
    "stop_date": "[Arrêt définitif le {}].",
    "stop_reason": "Motif de l'arrêt : [{}].",
    "last_news": "[Dernières nouvelles le {}].",
    "death_date": "[Décès survenu le {}].",
    "next_treatment_date": "[Nouveau traitement débuté le {}].",
}
ABSENCES: Final[dict[str, str]] = {
    "pdl1": "PD-L1 : [non recherché].",
    "metastatic_sites": "[Pas de site métastatique].",
    "progression_date": "[Pas de progression à ce jour].",
    "stop_date": "[Traitement en cours].",
}
SPOKEN: Final[dict[str, dict[str, str]]] = {
    "sex": {"M": "Patient", "F": "Patiente"},
    "brain_mets": {"no": "pas de métastase cérébrale", "yes": "métastases cérébrales"},
    "pdl1": {"0": "<1"},
    "response": {"CR": "réponse complète", "PR": "réponse partielle", "SD": "maladie stable", "PD": "progression",
                 "NE": "non évaluable"},
}  # fmt: skip

TRAPS: Final[dict[tuple[str, str], str]] = {
    ("sex", "G"): "Proche présent : [{}] du même service.",
    ("request_date", "T"): "Un premier courrier du [{}] annonçait la demande.",
    ("diagnosis_date", "T"): "Rechute : [{}].",
    ("diagnosis_date", "L"): "Consultation d'annonce : [{}].",
    ("histology", "T"): "Ancienne biopsie relue : [{}].",
    ("stage", "C"): "Au diagnostic : [stade {}].",
    ("stage", "T"): "Selon l'édition précédente : [stade {}].",
    ("metastatic_sites", "G"): "Pas de lésion suspecte : [{}].",
    ("brain_mets", "G"): "Antécédent familial : [métastases cérébrales chez la mère].",
    ("brain_mets", "T"): "Pour mémoire, scanner antérieur : [encéphale sans lésion].",
    ("ecog", "C"): "Courrier précédent : [OMS {}].",
    ("ecog", "T"): "Évolution attendue : [OMS {}].",
    ("ecog", "F"): "État général conservé, [OMS {}].",
    ("driver_mutation", "G"): "Le reste du panel : [{}].",
    ("driver_mutation", "U"): "Altération [attendue pour l'indication].",
    ("pdl1", "U"): "Seuil habituellement demandé : [{} %].",
    ("smoking", "G"): "Entourage : [{}].",
    ("creatinine", "X"): "Soit [{} mg/L].",
    ("haemoglobin", "X"): "Soit [{} g/L].",
    ("creatinine", "T"): "Contrôle antérieur : [{} µmol/L].",
    ("haemoglobin", "T"): "Contrôle antérieur : [{} g/dL].",
    ("weight", "C"): "Dernier poids noté : [{} kg].",
    ("start_date", "L"): "Ordonnance du [{}].",
    ("start_dose", "X"): "Comprimés dosés à [{} mg].",
    ("progression_date", "L"): "Discussion en réunion le [{}].",
    ("progression_date", "T"): "Scanner suivant : [{}].",
    ("progression_date", "U"): "Prochain scanner prévu le [{}].",
    ("stop_date", "L"): "Courrier du [{}].",
    ("stop_date", "U"): "Interruption temporaire le [{}].",
    ("last_news", "L"): "Appel du secrétariat le [{}].",
    ("death_date", "L"): "Annonce reçue le [{}].",
    ("next_treatment_date", "L"): "Ordonnance du nouveau traitement : [{}].",
    ("next_treatment_date", "U"): "Nouveau traitement envisagé pour le [{}].",
}
TRAP_BY_CODE: Final = {"F": "Mention portée : [{}]."}

EVENT_SENTENCES: Final[dict[str, str]] = {
    "prior_lines": "[Ligne antérieure : {drugs}, du {start} au {end}, arrêt : {reason}].",
    "dose_changes": "[{type} le {date}, motif : {reason}].",
    "adverse_events": "[{term} de grade {grade} du {start} au {end}, grave : {serious}].",
}
EVENT_ABSENCES: Final[dict[str, str]] = {
    "dose_changes": "[Pas de modification de dose].",
    "adverse_events": "[Pas d'événement indésirable rapporté].",
}
NEGATED_EVENT: Final = "Absence de signe évoquant : [{term}]."


def derive_french(variable: str, kind: str, value: str, *, spoken: bool = False) -> str:
    """Return a canonical text as a French form or letter writes it: DD/MM/YYYY, decimal comma, French level.

    Args:
        variable: the variable, or attribute as `prior_lines.drugs`.
        kind: its type.
        value: canonical text, a non-conformant one passes unchanged.
        spoken: use the wording of letters where it differs from that of forms.
    """
    levels = SPOKEN.get(variable, LEVELS.get(variable, {})) if spoken else LEVELS.get(variable, {})
    if kind == "set":
        glue = ", " if spoken else "|"
        return glue.join(levels.get(item, item) for item in value.split("|")) if value else value
    if kind == "date" and value[:4].isdigit():
        return "/".join(reversed(value.split("-")))
    if kind == "number" and not levels.get(value):
        return value.replace(".", ",")
    return levels.get(value, value)
