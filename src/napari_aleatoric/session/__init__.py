"""Evented state of one viewer, and the pure functions that decide what is shown. No Qt, no napari."""

from ._adjudication import Adjudicating
from ._adjudication_scene import AdjudicationScene
from ._adjudication_view import AdjudicationView, CaseRow, ReaderMark, RegionRow
from ._agreement import Agreement
from ._agreement_rows import AgreementView, CaseLine, PairCell, ReaderLine
from ._asking import answered, measured
from ._calibration import CalibrationNews, calibration_news, calibration_spec
from ._class_scores import ClassScore, class_scores
from ._compared_masks import ComparedMasks
from ._edit_sources import EditSource, edit_sources, read_source
from ._edit_wishes import BRUSHES, EditWishes
from ._edit_work import OPERATIONS, EditTask, class_range, class_title, edit_sentence
from ._explore import Explore
from ._explore_options import ExploreOptions
from ._explore_plots import Bars, Curve, cumulative, histogram, inside_polygon, nearest, thinned
from ._explore_spectrum import SpectrumView, spectrum_view
from ._explore_table import can_write_parquet, csv_bytes, explore_table, parquet_bytes
from ._heat import HeatMaps
from ._held_out_cases import HeldOutCases
from ._held_out_view import ALL_CLASSES, OTHER_WORDS, HeldOutRow, HeldOutView
from ._hot_walk import HotWalk
from ._hot_walk_view import HotRow, HotWalkView
from ._intensities import Intensities, intensities_of
from ._item import DEFAULT_MAP, ItemData, display_range, load_item
from ._kept_habits import Habits, WindowWish
from ._label_figures import LabelFigures
from ._label_statistics import ClassStatistics, label_statistics
from ._measure_words import MeasuredRow, measured_row, size_in_words
from ._measuring import Measuring
from ._model_list import ModelRow
from ._model_work import ModelTask
from ._models import Models
from ._notice import Kind, Notice
from ._opening import Opened, QueueFilter, open_path, open_review, prepare
from ._options import ViewOptions
from ._pixels_inside import pixels_inside
from ._places import HotPlace, far_apart, peaks
from ._planes import FLAT_PLANES, PLANES, SPACE, Plane, PlaneWishes, facing, place_in_volume
from ._prefetch import Prefetcher
from ._prompt_trail import Clicks, PromptTrail, painted_slice
from ._prompt_words import AcceptedDraft
from ._prompting import PromptAnswer, Prompting, PromptPhase, PromptStatus
from ._readings import Readings
from ._resolve import ViewState, resolve
from ._segmenter_host import OwnProcess, SegmenterChoice, SegmenterHost, segmenter_choices
from ._session import ReviewSession
from ._slice_look import SliceLook
from ._slice_plane import SlicePlane, WholeVolume
from ._strokes import StrokeKeeper
from ._text_host import OwnTextProcess, TextHost, text_model_choices
from ._text_picture import DECIMALS, DraftPointing, TextPicture
from ._text_prompting import TextPrompting
from ._text_proposals import ProposalKeeper
from ._text_settings import keep_text_settings, kept_text_settings
from ._text_words import DraftSlice, TextDraft, TextPhase, TextStatus
from ._training import Training
from ._training_choice import TrainingChoice
from ._training_curves import MEAN_DICE, TrainingCurve, TrainingCurves, curve_table
from ._training_examples import ExampleView, TrainingExamples
from ._training_net import DIMENSION_CHOICES, NETWORK_CHOICES, NetWishes
from ._training_pair import TrainingPair, TrainingPairView
from ._training_plan import PlanView, TrainingPlan
from ._training_readers import READERS_CHOICES
from ._training_rows import TrainingRow
from ._training_shelf import whole_curves
from ._training_view import TrainingView
from ._training_wishes import LABEL_CHOICES, LOSS_CHOICES, PRESET_CHOICES, TrainingWishes
from ._under_cursor import UnderCursor, place_in_words, under_cursor
from ._window_presets import CT_PRESETS, PERCENTILE_PRESETS, WindowPreset, presets_for
from ._windowing import Windowing

__all__ = [
    "ALL_CLASSES",
    "BRUSHES",
    "CT_PRESETS",
    "DECIMALS",
    "DEFAULT_MAP",
    "DIMENSION_CHOICES",
    "FLAT_PLANES",
    "LABEL_CHOICES",
    "LOSS_CHOICES",
    "MEAN_DICE",
    "NETWORK_CHOICES",
    "OPERATIONS",
    "OTHER_WORDS",
    "PERCENTILE_PRESETS",
    "PLANES",
    "PRESET_CHOICES",
    "READERS_CHOICES",
    "SPACE",
    "AcceptedDraft",
    "Adjudicating",
    "AdjudicationScene",
    "AdjudicationView",
    "Agreement",
    "AgreementView",
    "Bars",
    "CalibrationNews",
    "CaseLine",
    "CaseRow",
    "ClassScore",
    "ClassStatistics",
    "Clicks",
    "ComparedMasks",
    "Curve",
    "DraftPointing",
    "DraftSlice",
    "EditSource",
    "EditTask",
    "EditWishes",
    "ExampleView",
    "Explore",
    "ExploreOptions",
    "Habits",
    "HeatMaps",
    "HeldOutCases",
    "HeldOutRow",
    "HeldOutView",
    "HotPlace",
    "HotRow",
    "HotWalk",
    "HotWalkView",
    "Intensities",
    "ItemData",
    "Kind",
    "LabelFigures",
    "MeasuredRow",
    "Measuring",
    "ModelRow",
    "ModelTask",
    "Models",
    "NetWishes",
    "Notice",
    "Opened",
    "OwnProcess",
    "OwnTextProcess",
    "PairCell",
    "PlanView",
    "Plane",
    "PlaneWishes",
    "Prefetcher",
    "PromptAnswer",
    "PromptPhase",
    "PromptStatus",
    "PromptTrail",
    "Prompting",
    "ProposalKeeper",
    "QueueFilter",
    "ReaderLine",
    "ReaderMark",
    "Readings",
    "RegionRow",
    "ReviewSession",
    "SegmenterChoice",
    "SegmenterHost",
    "SliceLook",
    "SlicePlane",
    "SpectrumView",
    "StrokeKeeper",
    "TextDraft",
    "TextHost",
    "TextPhase",
    "TextPicture",
    "TextPrompting",
    "TextStatus",
    "Training",
    "TrainingChoice",
    "TrainingCurve",
    "TrainingCurves",
    "TrainingExamples",
    "TrainingPair",
    "TrainingPairView",
    "TrainingPlan",
    "TrainingRow",
    "TrainingView",
    "TrainingWishes",
    "UnderCursor",
    "ViewOptions",
    "ViewState",
    "WholeVolume",
    "WindowPreset",
    "WindowWish",
    "Windowing",
    "answered",
    "calibration_news",
    "calibration_spec",
    "can_write_parquet",
    "class_range",
    "class_scores",
    "class_title",
    "csv_bytes",
    "cumulative",
    "curve_table",
    "display_range",
    "edit_sentence",
    "edit_sources",
    "explore_table",
    "facing",
    "far_apart",
    "histogram",
    "inside_polygon",
    "intensities_of",
    "keep_text_settings",
    "kept_text_settings",
    "label_statistics",
    "load_item",
    "measured",
    "measured_row",
    "nearest",
    "open_path",
    "open_review",
    "painted_slice",
    "parquet_bytes",
    "peaks",
    "pixels_inside",
    "place_in_volume",
    "place_in_words",
    "prepare",
    "presets_for",
    "read_source",
    "resolve",
    "segmenter_choices",
    "size_in_words",
    "spectrum_view",
    "text_model_choices",
    "thinned",
    "under_cursor",
    "whole_curves",
]
