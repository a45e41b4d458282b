using System.Text.Json;
using Gateway.FunctionalTests.Workspaces;
using Xunit;

namespace Gateway.FunctionalTests.Operations;

public sealed class OpenApiTests
{
    /// <summary>With <c>UPDATE_OPENAPI=1</c> the copy is written instead: look at what changed before it is committed.</summary>
    [Fact]
    public async Task CheckedInCopy_IsWhatTheGatewayAnswers()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var program = gateway.OperatorClient();
        var answered = (await program.GetStringAsync("/openapi/v1.json")).ReplaceLineEndings("\n").TrimEnd() + "\n";
        var copy = Path.Combine(Root(), "docs", "openapi.json");
        if (Environment.GetEnvironmentVariable("UPDATE_OPENAPI") == "1")
        {
            await File.WriteAllTextAsync(copy, answered);
        }

        Assert.Equal(await File.ReadAllTextAsync(copy), answered);
        var document = JsonSerializer.Deserialize<JsonElement>(answered);
        Assert.StartsWith("3.1", document.GetProperty("openapi").GetString(), StringComparison.Ordinal);
        var paths = document.GetProperty("paths");
        foreach (var path in new[] { "why", "wake", "stop", "suspend", "restart", "upgrade", "pin", "drain", "kick" })
        {
            Assert.True(paths.TryGetProperty("/api/routes/{id}/" + path, out _), path);
        }

        Assert.Equal(["delete", "get", "put"], paths.GetProperty("/api/routes/{id}").EnumerateObject().Select(static operation => operation.Name).Order());
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Gateway.sln")))
        {
            folder = folder.Parent!;
        }

        return folder.FullName;
    }
}
