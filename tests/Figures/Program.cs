using Figures;

Figure[] all =
[
    new("time-lost", TimeLost.TakeAsync),
    new("many-held", ManyHeld.TakeAsync),
    new("many-cold", ManyCold.TakeAsync),
    new("leader-lost", LeaderLost.TakeAsync),
    new("held-uploads", HeldUploads.TakeAsync),
];

var unknown = args.Except(all.Select(static figure => figure.Name)).ToList();
if (unknown.Count > 0)
{
    Console.Error.WriteLine($"There is no figure {string.Join(", ", unknown)}; there are {string.Join(", ", all.Select(static figure => figure.Name))}.");
    return 2;
}

var missed = 0;
Console.WriteLine("| figure | measured | bar | |");
Console.WriteLine("|---|---|---|---|");
foreach (var figure in all.Where(figure => args.Length == 0 || args.Contains(figure.Name)))
{
    foreach (var reading in await figure.TakeAsync())
    {
        Console.WriteLine($"| {reading.What} | {reading.Measured} | {reading.Bar} | {(reading.Met ? "met" : "MISSED")} |");
        missed += reading.Met ? 0 : 1;
    }
}

return missed == 0 ? 0 : 1;
