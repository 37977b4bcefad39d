"""Files ⇄ model: volumes, labels, data set layouts, the workspace. Data sets are read, never written to."""

from ._formats import item_folder_name, safe_name, stem_of, suffix_of
from ._label_values import UnknownValueWarning, unknown_values_sentence
from ._labels import SoftLabelWarning, read_label_map
from ._load import load_image, load_label, on_image_grid, warn_of_unknown_values
from ._lock import try_lock
from ._maps import VoxelMap, has_map, map_names, read_map, remove_maps, write_map
from ._measurement_files import measurements_path, read_measurements, write_measurements
from ._plain import channel_files, is_plain_image, is_plain_label, volumes_in
from ._probabilities import read_probabilities
from ._probability_files import ProbabilityFiles, ProbabilityFolder
from ._reading_files import Reading, ReadingState, reading_paths
from ._readings import (
    answer_reading,
    begin_reading,
    check_reader_name,
    read_reading,
    reading_of,
    readings,
    reinstate_reading,
    withdraw_reading,
)
from ._rtstruct import OverlapWarning
from ._scan import scan
from ._volumes import FirstChannelWarning, guess_modality, read_geometry, read_volume
from ._workspace import Workspace
from ._workspace_change import WorkspaceChange
from ._write import flush_folder, sweep_torn, write_label_map, write_volume, write_whole

__all__ = [
    "FirstChannelWarning",
    "OverlapWarning",
    "ProbabilityFiles",
    "ProbabilityFolder",
    "Reading",
    "ReadingState",
    "SoftLabelWarning",
    "UnknownValueWarning",
    "VoxelMap",
    "Workspace",
    "WorkspaceChange",
    "answer_reading",
    "begin_reading",
    "channel_files",
    "check_reader_name",
    "flush_folder",
    "guess_modality",
    "has_map",
    "is_plain_image",
    "is_plain_label",
    "item_folder_name",
    "load_image",
    "load_label",
    "map_names",
    "measurements_path",
    "on_image_grid",
    "read_geometry",
    "read_label_map",
    "read_map",
    "read_measurements",
    "read_probabilities",
    "read_reading",
    "read_volume",
    "reading_of",
    "reading_paths",
    "readings",
    "reinstate_reading",
    "remove_maps",
    "safe_name",
    "scan",
    "stem_of",
    "suffix_of",
    "sweep_torn",
    "try_lock",
    "unknown_values_sentence",
    "volumes_in",
    "warn_of_unknown_values",
    "withdraw_reading",
    "write_label_map",
    "write_map",
    "write_measurements",
    "write_volume",
    "write_whole",
]
