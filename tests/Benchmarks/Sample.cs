namespace Benchmarks;

/// <summary>Figures of many rounds: their median, and the interval that holds the true median with 95 % (by the ranks of the binomial distribution).</summary>
internal sealed record Sample(double Median, double Low, double High, int Rounds)
{
    public static Sample Of(IEnumerable<double> figures)
    {
        var sorted = figures.Order().ToArray();
        var n = sorted.Length;
        var reach = (int)Math.Ceiling(1.96 * Math.Sqrt(n) / 2);
        return new Sample(
            n % 2 == 1 ? sorted[n / 2] : (sorted[(n / 2) - 1] + sorted[n / 2]) / 2,
            sorted[Math.Max(0, (n / 2) - reach)],
            sorted[Math.Min(n - 1, (n / 2) + reach)],
            n);
    }
}

/// <summary>One row of the table: what was measured, and what it is held to.</summary>
internal sealed record Row(string Figure, string Against, Sample Measured, string Unit, double? Bar, double? Goal)
{
    public string Verdict => Goal is null && Bar is null ? "" : Measured.Median <= Goal ? "goal" : Measured.Median <= Bar ? "bar" : "MISSED";
}
