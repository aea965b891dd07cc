//! Druid's families in people's words.

/// A kind of things that a document tells apart by their type id: how a configuration calls it, how
/// a sentence does, and the families of Druid's classes that hold it.
pub(super) struct Kind {
    pub(super) key: &'static str,
    pub(super) noun: &'static str,
    pub(super) families: &'static [&'static str],
}

/// All kinds; families that are not here have no name that a person would know.
pub(super) const KINDS: &[Kind] = &[
    Kind {
        key: "task",
        noun: "task",
        families: &["Task"],
    },
    Kind {
        key: "supervisor",
        noun: "supervisor",
        families: &[
            "SupervisorSpec",
            "KafkaSupervisorSpec",
            "KinesisSupervisorSpec",
        ],
    },
    Kind {
        key: "sampler",
        noun: "sampler",
        families: &["SamplerSpec"],
    },
    Kind {
        key: "input_source",
        noun: "input source",
        families: &["InputSource", "SplittableInputSource"],
    },
    Kind {
        key: "input_format",
        noun: "input format",
        families: &["InputFormat"],
    },
    Kind {
        key: "aggregator",
        noun: "aggregator",
        families: &["AggregatorFactory"],
    },
    Kind {
        key: "filter",
        noun: "filter",
        families: &["DimFilter"],
    },
    Kind {
        key: "dimension",
        noun: "dimension",
        families: &["DimensionSchema"],
    },
    Kind {
        key: "dimension_spec",
        noun: "dimension spec",
        families: &["DimensionSpec"],
    },
    Kind {
        key: "tuning_config",
        noun: "tuningConfig",
        families: &[
            "TuningConfig",
            "ParallelIndexTuningConfig",
            "IndexTask.IndexTuningConfig",
            "HadoopTuningConfig",
            "KafkaSupervisorTuningConfig",
            "KafkaIndexTaskTuningConfig",
            "KinesisSupervisorTuningConfig",
            "KinesisIndexTaskTuningConfig",
        ],
    },
    Kind {
        key: "io_config",
        noun: "ioConfig",
        families: &[
            "ParallelIndexIOConfig",
            "IndexTask.IndexIOConfig",
            "HadoopIOConfig",
            "CompactionIOConfig",
            "KafkaIndexTaskIOConfig",
            "KinesisIndexTaskIOConfig",
        ],
    },
    Kind {
        key: "partitions_spec",
        noun: "partitionsSpec",
        families: &["PartitionsSpec", "DimensionBasedPartitionsSpec"],
    },
    Kind {
        key: "granularity_spec",
        noun: "granularitySpec",
        families: &["GranularitySpec"],
    },
    Kind {
        key: "granularity",
        noun: "granularity",
        families: &["Granularity"],
    },
    Kind {
        key: "parser",
        noun: "parser",
        families: &["InputRowParser"],
    },
    Kind {
        key: "parse_spec",
        noun: "parseSpec",
        families: &["ParseSpec"],
    },
    Kind {
        key: "transform",
        noun: "transform",
        families: &["Transform"],
    },
    Kind {
        key: "virtual_column",
        noun: "virtual column",
        families: &["VirtualColumn"],
    },
    Kind {
        key: "extraction_fn",
        noun: "extraction function",
        families: &["ExtractionFn"],
    },
    Kind {
        key: "lookup",
        noun: "lookup",
        families: &["LookupExtractor"],
    },
    Kind {
        key: "password_provider",
        noun: "password provider",
        families: &["PasswordProvider"],
    },
    Kind {
        key: "avro_decoder",
        noun: "Avro decoder",
        families: &["AvroBytesDecoder"],
    },
    Kind {
        key: "protobuf_decoder",
        noun: "Protobuf decoder",
        families: &["ProtobufBytesDecoder"],
    },
    Kind {
        key: "auto_scaler",
        noun: "auto scaler",
        families: &["AutoScalerConfig"],
    },
    Kind {
        key: "lag_aggregator",
        noun: "lag aggregator",
        families: &["LagAggregator"],
    },
    Kind {
        key: "split_hint",
        noun: "split hint",
        families: &["SplitHintSpec"],
    },
    Kind {
        key: "compaction_config",
        noun: "compaction configuration",
        families: &["DataSourceCompactionConfig"],
    },
    Kind {
        key: "sql_database",
        noun: "database",
        families: &["SQLInputSourceDatabaseConnector"],
    },
    Kind {
        key: "export_storage",
        noun: "export storage",
        families: &["ExportStorageProvider"],
    },
];

/// How a sentence calls a family.
pub(super) fn noun(family: &str) -> Option<&'static str> {
    let kind = KINDS.iter().find(|kind| kind.families.contains(&family))?;
    Some(kind.noun)
}
