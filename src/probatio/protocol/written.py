"""Model of the written protocol: what people sign beside the rules, and that no file of data can tell."""

from __future__ import annotations

from probatio.protocol.amendments import Day
from probatio.protocol.base import Label, Model, Text


class Milestone(Model):
    """A step of the study and its planned date.

    - `label`: the step.
    - `date`: a day, as 2026-11-24, or a period in words.
    """

    label: Label
    date: Text


class Written(Model):
    """The parts of the written protocol that are sentences. What is left out is shown as open, to be completed.

    - `date`: the day of this version, as 2026-11-24.
    - `registration`: the register and the identifier of the study.
    - `sponsor`: the organisation that answers for the study.
    - `investigator`: the principal investigator.
    - `methodologist`: who answers for design and analysis.
    - `data_manager`: who answers for the data.
    - `funding`: who pays, and the interests declared.
    - `background`: what is known, and what is not.
    - `question`: the question, in one sentence.
    - `objectives`: the main objective first.
    - `setting`: the programme, its centres and its period.
    - `inclusion`: who is included, one criterion each.
    - `exclusion`: who is not.
    - `data_management`: where data are kept, who has access, how they travel and when they are destroyed.
    - `human_subjects`: ethics, legal basis, information of patients.
    - `adverse_events`: how adverse events met during the study are reported, or why they are not.
    - `milestones`: the steps and their planned dates.
    """

    date: Day | None = None
    registration: Text = ""
    sponsor: Text = ""
    investigator: Text = ""
    methodologist: Text = ""
    data_manager: Text = ""
    funding: Label | None = None
    background: Label | None = None
    question: Label | None = None
    objectives: list[Label] = []
    setting: Label | None = None
    inclusion: list[Label] = []
    exclusion: list[Label] = []
    data_management: Label | None = None
    human_subjects: Label | None = None
    adverse_events: Label | None = None
    milestones: list[Milestone] = []
