package com.example.weather;

import com.google.gson.GsonBuilder;
import java.time.YearMonth;
import java.util.LinkedHashMap;
import java.util.Map;

/** Means as JSON. */
public record Report(Map<YearMonth, Double> means) {
    public String json() {
        var plain = new LinkedHashMap<String, String>();
        means.forEach((month, mean) -> plain.put(month.toString(), Units.celsius(mean)));
        return new GsonBuilder().setPrettyPrinting().create().toJson(plain);
    }
}
