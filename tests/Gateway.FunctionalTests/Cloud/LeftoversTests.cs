using System.Diagnostics;
using LocalCloud;
using Xunit;

namespace Gateway.FunctionalTests.Cloud;

public sealed class LeftoversTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task ProcessOfThisFolder_IsEnded_AndThatOfAnotherIsNot()
    {
        var folder = $"/local-cloud-{Guid.NewGuid():N}";
        using var left = Sleep(folder);
        using var other = Sleep($"{folder}-2");
        try
        {
            Leftovers.End(folder);
            await left.WaitForExitAsync().WaitAsync(Limit);

            Assert.False(other.HasExited);
        }
        finally
        {
            other.Kill();
            left.Kill();
        }
    }

    private static Process Sleep(string folder)
    {
        var start = new ProcessStartInfo("sleep", "1000");
        start.Environment[Leftovers.Variable] = folder;
        return Process.Start(start)!;
    }
}
