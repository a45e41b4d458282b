using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Gateway.FunctionalTests.Proxying;
using Gateway.FunctionalTests.Workspaces;
using Xunit;

namespace Gateway.FunctionalTests.Edge;

/// <summary>Requests that come round again, and addresses that no workspace has.</summary>
public sealed class LoopTests
{
    [Fact]
    public async Task RequestThatComesRoundToAnyReplica_IsALoop()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        var other = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        var mark = (await alice.GetFromJsonAsync<JsonNode>("/"))!["headers"]!["CDN-Loop"]!.GetValue<string>();
        using var again = other.ClientOf("alice");
        again.DefaultRequestHeaders.TryAddWithoutValidation("CDN-Loop", "somebody, " + mark);

        using var answer = await again.GetAsync("/");

        Assert.Equal(HttpStatusCode.LoopDetected, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
    }

    [Fact]
    public async Task MarksOfOtherProxies_PassOn()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync();
        using var alice = gateway.ClientOf("alice");
        alice.DefaultRequestHeaders.TryAddWithoutValidation("CDN-Loop", "cloud.example; v=1");

        var mark = (await alice.GetFromJsonAsync<JsonNode>("/"))!["headers"]!["CDN-Loop"]!.GetValue<string>();

        Assert.StartsWith("cloud.example; v=1, gateway-", mark, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MachineOutsideOfThePrivateNetwork_IsNotDialled_AndTheAnswerSaysSo()
    {
        await using var cloud = await GatewayEnvironment.StartAsync();
        var gateway = await cloud.StartGatewayAsync(("Proxying:AllowedNetworks", "fdaa::/16"), ("Waking:BootLimit", "00:00:02"));
        using var alice = gateway.ClientOf("alice");

        using var answer = await alice.GetAsync("/");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal(0, cloud.Simulator.MachineOf("alice").Requests);
    }

    [Theory]
    [InlineData("127.0.0.1", "fdaa::/16")]
    [InlineData("169.254.169.254", "127.0.0.0/8")]
    [InlineData("::1", "127.0.0.0/8")]
    public async Task AddressThatIsNoWorkspaces_IsRefusedBeforeAConnect(string address, string allowed)
    {
        using var workspace = new RawWorkspace(IPAddress.Loopback, static (_, socket) => RawWorkspace.OkAsync(socket));
        await using var host = await ForwarderHost.StartAsync(workspace.EndPoint, ("AllowedNetworks", allowed));
        host.Address = address;
        using var client = host.Client();

        using var answer = await client.GetAsync("/");

        Assert.Equal(Gateway.Proxying.ForwardOutcome.Forbidden, Assert.Single(host.Outcomes));
        Assert.Empty(workspace.Requests);
    }

    [Fact]
    public async Task MachineThatIsSaidToBeTheGatewayItself_IsRefused()
    {
        var port = Cloud.FreePorts.Take();
        await using var host = await ForwarderHost.StartAsync(new IPEndPoint(IPAddress.Loopback, port), ("Listen", $"http://127.0.0.1:{port}"));
        using var client = host.Client();

        using var answer = await client.GetAsync("/");

        Assert.Equal(Gateway.Proxying.ForwardOutcome.Forbidden, Assert.Single(host.Outcomes));
    }
}
