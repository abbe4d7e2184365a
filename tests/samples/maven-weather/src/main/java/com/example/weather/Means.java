package com.example.weather;

import static java.util.stream.Collectors.averagingDouble;
import static java.util.stream.Collectors.groupingBy;

import java.time.YearMonth;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Means per month. */
public final class Means {
    private Means() {}

    public static Map<YearMonth, Double> monthly(List<Reading> readings) {
        return readings.stream()
                .collect(groupingBy(r -> YearMonth.from(r.day()), TreeMap::new, averagingDouble(Reading::celsius)));
    }
}
