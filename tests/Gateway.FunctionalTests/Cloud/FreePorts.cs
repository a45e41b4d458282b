using MachinesSimulator;

namespace Gateway.FunctionalTests.Cloud;

/// <summary>Ports for the programs of tests, apart from those that the simulator gives to processes.</summary>
internal static class FreePorts
{
    private static readonly PortRange Range = new(12_000, 18_000);

    public static int[] Take(int count) => Enumerable.Range(0, count).Select(static _ => Take()).ToArray();

    public static int Take() => Range.Take();
}
