package com.example.weather;

import java.util.Locale;

/** How values are shown. */
final class Units {
    private Units() {}

    static String celsius(double value) {
        return String.format(Locale.ROOT, "%.1f °C", value);
    }
}
