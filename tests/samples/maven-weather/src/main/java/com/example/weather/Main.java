package com.example.weather;

import java.nio.file.Path;
import org.slf4j.LoggerFactory;

/** Writes the monthly means of a table of readings. */
public final class Main {
    private Main() {}

    public static void main(String[] args) throws Exception {
        var readings = new Table(Path.of(args[0])).readings();
        LoggerFactory.getLogger(Main.class).info("{} readings", readings.size());
        System.out.println(new Report(Means.monthly(readings)).json());
    }
}
