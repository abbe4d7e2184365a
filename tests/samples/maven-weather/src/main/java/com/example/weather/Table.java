package com.example.weather;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.List;
import org.apache.commons.csv.CSVFormat;

/** Readings in a CSV file with the columns day and celsius. */
public record Table(Path path) {
    public List<Reading> readings() throws IOException {
        var format = CSVFormat.DEFAULT.builder().setHeader().setSkipHeaderRecord(true).build();
        try (var parser = format.parse(Files.newBufferedReader(path))) {
            return parser.stream()
                    .map(row -> new Reading(LocalDate.parse(row.get("day")), Double.parseDouble(row.get("celsius"))))
                    .toList();
        }
    }
}
