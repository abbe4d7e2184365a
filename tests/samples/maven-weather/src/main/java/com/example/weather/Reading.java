package com.example.weather;

import java.time.LocalDate;

/** One measurement in degrees Celsius. */
public record Reading(LocalDate day, double celsius) {}
